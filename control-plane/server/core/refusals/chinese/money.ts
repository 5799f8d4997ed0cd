import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { MONEY_CODES } from "../codes/money.ts";

export const MONEY_CHINESE = messagesFor<typeof MONEY_CODES>()({
  "run-rows-too-many": "运行 {run_id} 的记录超过一个文档的容量。",
  "record-of-old-system": "记录 {record_id} 来自旧系统，没有保留可证明其费用的内容。",
  "record-without-journal":
    "记录 {record_id} 没有日志行：它是对 {resource_id} 的 {resource_type} 的收费，{quantity}，金额 {amount}；其采样见 /billing/storage。",
  "payment-repeated": "已用此 Idempotency-Key 付过款。",
  "payment-beyond-column": "过大：会使余额超过 {max_balance}",
  "amount-not-positive": "必须大于零",
  "amount-zero": "不能为零",
  "refund-beyond-charge": "超过该运行已收取且尚未退还的金额",
  "write-off-beyond-debt": "超过余额低于零的金额",
  "run-of-another-customer": "不是该客户的运行",
  "period-reversed": "晚于 end_time",
  "period-empty": "必须早于 end_time",
  "price-doubled": "对同一行和时刻出现了两次",
  "price-of-storage": "规格 storage 只有行 storage，其他规格没有该行",
  "price-taken": "{spec} 的 {line} 从该时刻起已有价格",
  "price-taken-sentence": "{spec} 的 {line} 从该时刻起已有价格。",
  "price-in-past": "在过去，而此后没有运行因等待此价格而未收费；如为现在请省略",
  "price-before-run": "早于一个已有价格的运行的开始",
});
