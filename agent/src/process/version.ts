/** What the agent calls itself towards people and the control plane. */
export const AGENT_VERSION = "0.2.0";
