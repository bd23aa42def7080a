import { readdirSync, readFileSync } from "node:fs";

/** Returns the process ids of all workerd processes on this machine. */
export function workerdPids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => procFile(pid, "comm").startsWith("workerd"))
    .map(Number);
}

/** Returns the resident memory of a process in KiB. */
export function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(procFile(pid, "status"))?.[1]);
}

/** Returns the peak of the resident memory of a process in KiB. */
export function peakResidentKiB(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(procFile(pid, "status"))?.[1]);
}

/** Reads a file of `/proc/{pid}`; empty if the process has exited. */
function procFile(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
