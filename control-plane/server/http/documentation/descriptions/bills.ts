/** Prices, charges, invoices, warnings and books. */
import type { Descriptions } from "./description.ts";

export const BILL_DESCRIPTIONS: Descriptions = {
  spec: ["What is sold, by its name", "standard"],
  line: ["What is counted: spec, cpu, memory, gpu, gpu:<model>, gpu_memory, temp_storage or storage", "gpu"],
  unit_price: ["Of one unit for one billing unit", "3.500000"],
  billing_unit: ["minute, hour or day", "hour"],
  effective_from: ["Since when it holds"],
  includes: ["What the spec includes at most; null where parts are paid one by one"],
  shape: ["What an order may have of each at most; null: whatever has a line"],
  gpu_model: ["The model of GPU; null: any", "NVIDIA A100-SXM4-80GB"],
  amount: ["How much", "3.5000"],
  quantity: ["How many units", "1"],

  month: ["Which month, in the billing time zone", "2026-03"],
  monthly_limit: ["What a month may cost before it is warned of; null: no budget", "500.0000"],

  resource_type: ["environment, training, inference or storage", "environment"],
  resource_id: ["The workload's id", "env-5b1f6c0e"],
  resource_name: ["The workload's name at that time", "fine-tuning"],
  billing_minutes: ["Minutes that it charges", 60],
  start_time: ["Since when"],
  end_time: ["Until when"],
  usage_month: ["The month in which it was used", "2026-03"],
  invoice_month: ["The month whose invoice has it", "2026-03"],

  transaction_id: ["The transaction of the ledger", 1001],

  from_at: ["Since when nothing is charged"],
  to_at: ["Until when; null: to its end"],
  evidence: ["What shows it", { gpu_uuid: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8" }],
  account: ["The account of the ledger", "customer"],
};
