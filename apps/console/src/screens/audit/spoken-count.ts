import { useEffect, useRef, useState } from 'react';

const everyMilliseconds = 5_000;

/** What a screen reader is told of things that keep coming: how many since it was last told, and that not too often. */
export function useSpokenCount(heard: number): string {
  const now = useRef(heard);
  now.current = heard;
  const [said, setSaid] = useState('');
  useEffect(() => {
    let told = now.current;
    const clock = setInterval(() => {
      const fresh = now.current - told;
      if (fresh === 0) return;
      told = now.current;
      setSaid(fresh === 1 ? '1 new event' : `${fresh} new events`);
    }, everyMilliseconds);
    return () => clearInterval(clock);
  }, []);
  return said;
}
