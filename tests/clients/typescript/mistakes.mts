// What the types have to notice: the compiler fails where it finds no mistake below such a line. Never run.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const client = createClient<paths>();

export async function mistakes(order: components["schemas"]["Order"], id: string): Promise<void> {
  // @ts-expect-error: no order is placed without a body
  await client.POST("/api/v1/orders", {});
  // @ts-expect-error: an item has a quantity
  await client.POST("/api/v1/orders", { body: { customer_id: "cus123", items: [{ product_id: "abc123" }] } });
  // @ts-expect-error: an order of a batch has items
  await client.POST("/api/v1/orders/batch", { body: { orders: [{ customer_id: "cus123" }] } });
  // @ts-expect-error: a payment's facts cannot be left out
  await client.POST("/api/v1/orders/{id}/record_payment", { params: { path: { id } } });
  // @ts-expect-error: no such status
  await client.GET("/api/v1/orders", { params: { query: { status: ["paid"] } } });
  // @ts-expect-error: no such field of an item
  order.items[0]?.product;
  // @ts-expect-error: a status that is none
  order.status === "delivered";
  // @ts-expect-error: there may be no billing address
  order.billing_address.city;
}
