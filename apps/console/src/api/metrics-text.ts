/** Samples of one name, whatever their labels (Prometheus text format 0.0.4). Empty: there is no such metric, or nothing to say. */
export type Metrics = (name: string) => readonly number[];

export function readMetrics(text: string): Metrics {
  const samples = new Map<string, number[]>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Za-z_:][\w:]*)(?:\{.*\})? (\S+)/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    samples.set(name, [...(samples.get(name) ?? []), Number(value)]);
  }
  return (name) => samples.get(name) ?? [];
}
