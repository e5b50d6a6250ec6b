// What a storefront does, by the generated types alone. Run with the service's address and a key.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

const [address, key] = process.argv.slice(2);
assert(address && key);
const client = createClient<paths>({ baseUrl: address, headers: { "X-API-Key": key } });

// A change answers the order or, asked with `Prefer: dry-run`, a rehearsal; `version` reads a past order. A key that may
// not read is answered with a receipt, and who asked with `Prefer: respond-async` with what is still to be placed.
function order(answer: object | undefined): Schemas["Order"] {
  assert(answer && "contact" in answer);
  return answer as Schemas["Order"];
}

const asked: Schemas["NewOrder"] = {
  customer_id: "cus123",
  currency: "AUD",
  items: [{ product_id: "abc123", quantity: 2, unit_amount: 1299 }],
  shipping_amount: 500,
  contact: { email: "jo@example.com" },
  shipping_address: { name: "Jo", city: "Perth", country: "AU" },
};
const place = { body: asked, params: { header: { "Idempotency-Key": "typescript-1" } } };
const placed = order((await client.POST("/api/v1/orders", place)).data);
const repeated = await client.POST("/api/v1/orders", place);
const path = { id: placed.id };

const rehearsed = await client.POST("/api/v1/orders/{id}/confirm", { params: { path, header: { Prefer: "dry-run" } } });
assert(rehearsed.data && "events" in rehearsed.data);
const confirmed = order((await client.POST("/api/v1/orders/{id}/confirm", { params: { path } })).data);
const parcel: Schemas["Parcel"] = { tracking_company: "AusPost", tracking_number: "33ABC1" };
const shipped = order((await client.POST("/api/v1/orders/{id}/ship", { params: { path }, body: parcel })).data);
const read = order((await client.GET("/api/v1/orders/{id}", { params: { path } })).data);
const past = (await client.GET("/api/v1/orders/{id}", { params: { path, query: { version: 1 } } })).data;
assert(past && "version" in past && !("contact" in past));

const tooMany: Schemas["NewOrder"] = { customer_id: "cus123", items: [{ product_id: "abc123", quantity: 9 }] };
const { error: refusal } = await client.POST("/api/v1/orders", { body: tooMany });
assert(refusal);
const cancel: Schemas["Cancel"] = { cause: "staff" };
const { error: tooLate } = await client.POST("/api/v1/orders/{id}/cancel", { params: { path }, body: cancel });
assert(tooLate);

const one: Schemas["NewOrder"] = { customer_id: "cus456", items: [{ product_id: "abc123", quantity: 1 }] };
const { data: batch } = await client.POST("/api/v1/orders/batch", { body: { orders: [one, tooMany] } });
const { data: first } = await client.POST("/order/create", {
  body: { customerId: "cus789", items: [{ productId: "abc123", quantity: 1 }] },
});
assert(first && "items" in first.data);
const firstItems = first.data.items;
const { data: page } = await client.GET("/api/v1/orders", { params: { query: { status: ["pending"] } } });

const chosen = page?.results[0];
assert(chosen);
const bulk: Schemas["Bulk"] = { operation: "cancel", ids: [chosen.id], arguments: { cause: "staff" } };
const would = (await client.POST("/api/v1/orders/bulk", { body: bulk, params: { header: { Prefer: "dry-run" } } })).data
  ?.results[0];
assert(would && "events" in would);
const did = (await client.POST("/api/v1/orders/bulk", { body: bulk })).data?.results[0];
assert(did && "order" in did);
const { data: told } = await client.GET("/api/v1/orders/{id}/timeline", {
  params: { path: { id: chosen.id }, query: { limit: 1 } },
});

process.stdout.write(
  JSON.stringify({
    placed: [placed.status, placed.items[0]?.product_id, placed.items[0]?.quantity, placed.total_amount],
    address: [placed.contact.email, placed.shipping_address.country, placed.billing_address],
    replayed: [
      repeated.response.headers.get("Idempotent-Replayed"),
      JSON.stringify(repeated.data) === JSON.stringify(placed),
    ],
    rehearsal: [rehearsed.data.order.status, rehearsed.data.events.map((event) => event.type)],
    confirmed: [confirmed.status, confirmed.version],
    shipped: [shipped.status, shipped.shipments[0]?.tracking_number, shipped.shipments[0]?.items[0]?.quantity],
    read: [read.status, read.items[0]?.shipped, JSON.stringify(read) === JSON.stringify(shipped)],
    past: [past.status, past.version],
    refusal: [refusal.status, refusal.code, refusal["products"]],
    too_late: [tooLate.status, tooLate.code],
    batch: batch?.results.map((result) => ("order" in result ? order(result.order).customer_id : "error" in result && result.error.code)),
    first_version: [first.data.status, firstItems[0]?.reserved],
    pending: page?.results.map((found) => found.customer_id),
    would: [would.stock, would.events[0]?.data["operation"]],
    did: did.order.status,
    told: [told?.results[0]?.operation, told?.results[0]?.cause],
  }),
);
