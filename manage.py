#!/usr/bin/env python
"""Run a management command: `python manage.py help` lists them."""

import os
import sys

from orders_project.command_line import run_command

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")
    run_command(sys.argv)
