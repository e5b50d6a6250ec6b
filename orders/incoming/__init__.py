"""What incoming events mean for orders: each handler is one function, and what it does, operations do."""

from orders.incoming import customers as customers
from orders.incoming import inventory as inventory
from orders.incoming import payments as payments
from orders.incoming import requested as requested
