/** Words that the pages of jobs, services, data and keys share. */
export default {
  rule: {
    loading: "loading",
    "gpu-lost": "GPU lost",
    "host-died": "host died",
    "never-ready": "never ready",
    "gang-broken": "gang broken",
    "stop-by-person": "stopped by a person",
    "stop-by-rule": "stopped by a rule",
    suspension: "account suspended",
    "host-stop": "host emptied, silent or lost, or placed anew",
    "before-rules": "stopped before rules had names",
  },
  filter: { name: "Part of the name", status: "State", any: "any" },
  owner: "Owner",
  once: "It is displayed only now",
  form: {
    submit: "Order",
    cancel: "Back to the list",
    advanced: "More",
    variables: "Environment variables",
  },
} as const;
