# Read by the launch scripts, in a process of its own. Keeps the newest part of a machine's serial console: console.log.1 is
# full, console.log grows up to $bytes. Reads to the end of its input, so it outlives the daemon and catches the last words.
while stdbuf -o0 head -c "$bytes" >run/console.log; do
  [ "$(wc -c <run/console.log)" -ge "$bytes" ] || exit 0
  mv -f run/console.log run/console.log.1
done
