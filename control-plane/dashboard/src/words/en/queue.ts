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
  kind: {
    environment: "Environment",
    training: "Training job",
    inference: "Service, replica {{rank}}",
  },
  size: "{{instances}} × {{gpus}} GPU, {{cpu}} CPU, {{memory}}",
  priorityHint: "Higher is looked at first.",
  more: "Host by host",
  open: "Host by host: {{name}}",
  change: { act: "Change", title: "Change {{name}}", name: "Name", submit: "Save" },
  cancel: {
    environment: {
      act: "Take it out",
      title: "Take {{name}} out of the line?",
      stops: "It waits no more, and starts only when it is started again",
      kept: "The environment with its settings and files",
      charged: "Waiting cost nothing; files count as storage as before",
    },
    training: {
      act: "Cancel the job",
      title: "Cancel {{name}}?",
      stops: "It waits no more, and nothing of it is tried again by itself",
      kept: "The job on record, with the output of earlier attempts",
      charged: "Waiting cost nothing; files count as storage as before",
    },
    inference: {
      act: "Stop the service",
      title: "Stop {{name}} as a whole?",
      stops: "All of its replicas, those that run among them, with the requests that are open there",
      kept: "The service with its versions, keys and address",
      charged: "Replicas that run, up to their end",
    },
  },
} as const;
