/** What one look at the machine found. */
export interface DoctorCheck {
  /** What was looked at, such as `GPU 0`. */
  readonly name: string;
  /** `missing` is what the session can't work without; a `note` is worth knowing. */
  readonly verdict: "ok" | "note" | "missing";
  /** What is there, or is not. */
  readonly said: string;
  /** What to do; null where nothing is to be done. */
  readonly remedy: string | null;
}

/** What works here for a session, and what does not. */
export interface DoctorReport {
  readonly kind: "doctor_report";
  /** Whether nothing is missing. */
  readonly ok: boolean;
  /** The session's setting. */
  readonly device: string;
  readonly checks: readonly DoctorCheck[];
  /** Seconds that the look took. */
  readonly seconds: number;
}
