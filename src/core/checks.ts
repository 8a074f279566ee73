import type { DoctorCheck } from "../schema/doctor-types.js";

export const ok = (name: string, said: string): DoctorCheck => ({ name, verdict: "ok", said, remedy: null });

export const note = (name: string, said: string, remedy: string | null = null): DoctorCheck => ({
  name,
  verdict: "note",
  said,
  remedy,
});

export const missing = (name: string, said: string, remedy: string): DoctorCheck => ({
  name,
  verdict: "missing",
  said,
  remedy,
});
