/** Words of the owner's alarms, audit log and settings. */
export default {
  alarms: {
    title: "Alarms",
    definition:
      "What somebody should look at, newest first. What still is so after it was cleared raises a new one.",
    raised: "Raised",
    kind: "Kind",
    subject: "Of",
    detail: "What is wrong, and what to do",
    cleared: "Cleared",
    clear: "Clear alarm {{id}}",
  },
  audit: {
    title: "Audit",
    definition: "Who asked for which change and what came of it, also where it was refused; newest first.",
    at: "When",
    actor: "Who",
    action: "What",
    target: "Of",
    outcome: "Outcome",
    problem: "Why",
    ofActor: "Only of the customer with this number",
    ofAction: "Only this action",
    ofOutcome: "Only this outcome: done, repeated, refused or failed",
  },
  settings: {
    title: "Settings",
    definition: "What holds for the whole fleet. A change needs no restart; it holds from the next order on.",
    normally: "Takes {{values}}; normally {{value}}",
    save: "Save",
    saveIt: "Save {{key}}",
    changed: "Changed",
  },
} as const;
