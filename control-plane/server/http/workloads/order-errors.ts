/** What contradicts itself in an order, as errors of its fields. */
import { orderIssues, type OrderShape } from "../../core/orders/order-check.ts";
import { fieldError, type FieldError } from "../request/refusal.ts";

export function orderErrors(order: OrderShape): FieldError[] {
  return orderIssues(order).map(({ path, reason }) => fieldError(path, reason));
}
