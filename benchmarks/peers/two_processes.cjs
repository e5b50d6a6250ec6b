// Runs a Node.js program in two processes that share its port, as `serve --workers 2` runs ours.
const cluster = require("node:cluster");

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  require(process.argv[2]);
}
