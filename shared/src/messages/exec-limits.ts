/** What one command run in a workload may take. In a file of its own: the command line needs nothing else of the protocol. */

/** The bytes of both output streams together, and of what the command is given to read. */
export const MAX_EXEC_BYTES = 512 * 1024;
export const MAX_EXEC_SECONDS = 60;
