import { readdirSync, readFileSync } from "node:fs";

/** The processes of workerd on this machine. */
export function workerds(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => fileOf(pid, "comm").startsWith("workerd"))
    .map(Number);
}

/** Memory that a process holds, in KiB. */
export function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(fileOf(pid, "status"))?.[1]);
}

/** Most memory that a process has held, in KiB. */
export function peakResidentKiB(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(fileOf(pid, "status"))?.[1]);
}

/** Empty for a process that has ended. */
function fileOf(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
