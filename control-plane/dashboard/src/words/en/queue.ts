/** Words of the queue's page. */
export default {
  title: "Queue",
  definition: "What waits for room, in the order in which it is looked at. The line is remade every second.",
  empty: "Nothing waits.",
  column: {
    position: "Place",
    order: "Order",
    customer: "Customer",
    size: "Size",
    priority: "Priority",
    waited: "Waits since",
    reason: "Why it waits",
    wouldStart: "What would start it now",
  },
  size: "{{instances}} × {{gpus}} GPU, {{cpu}} CPU, {{memory}}",
  priorityHint: "Higher is looked at first.",
} as const;
