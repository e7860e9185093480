/** The value for a key, made when there is none. At most `most` keys are kept; the one that was asked for longest ago goes first. */
export function recent<K, V>(map: Map<K, V>, key: K, make: () => V, most: number): V {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  if (map.size > most) {
    const [oldest] = map.keys();
    map.delete(oldest as K);
  }
  return value;
}
