/** What the API answers about money, as far as it is shown. */
export interface Balance {
  balance: string;
  overdue_status: string;
  accrued: string;
  burn_per_hour: string;
  hours_left_after_accrued: string | null;
  month: string;
  spent_this_month: string;
  monthly_limit: string | null;
}

export interface Sums {
  records: number;
  amount: string;
}

export interface Statistics extends Sums {
  by_resource_type: ({ resource_type: string; legacy_resource_type: string | null } & Sums)[];
  by_workspace: ({ workspace_id: number | null } & Sums)[];
  by_period: ({ period: string } & Sums)[];
}

export interface BillingRecord {
  id: number;
  resource_id: string | null;
  resource_name: string | null;
  run_id: string | null;
  line: string | null;
  unit_price: string;
  billing_unit: string | null;
  billing_minutes: number | null;
  amount: string;
  end_time: string;
}

export interface AccountEvent {
  id: number;
  at: string;
  kind: string;
  old: string | null;
  new: string | null;
  reason: string | null;
}

export interface Invoice {
  id: number;
  invoice_no: string;
  invoice_month: string | null;
  total_amount: string;
  due: string | null;
  status: string | null;
}
