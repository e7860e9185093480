# Part of user data: powers the machine off at the end of its lifetime, whether or not its manager still answers. Put it first, before
# anything that may hang. Needs sh, sleep, date, and curl or wget.
(
  fetch() { curl -s -f -m 20 "$1" 2>/dev/null || wget -q -T 20 -O - "$1" 2>/dev/null; }
  features='##user_data_jobfeatures_url##'
  booted=$(date +%s) end=
  while :; do
    start=$(fetch "$features/jobstart_secs") limit=$(fetch "$features/wall_limit_secs")
    # What was heard last counts: a manager that has gone can shorten nothing, and lengthens nothing either.
    case $start$limit in '' | *[!0-9]*) ;; *) [ -z "$start" ] || [ -z "$limit" ] || end=$((start + limit)) ;; esac
    # Never heard of one: a day, as the longest that a machinetype has by default.
    left=$((${end:-$((booted + 86400))} - $(date +%s)))
    [ "$left" -gt 0 ] || break
    sleep "$((left < 300 ? left : 300))"
  done
  sync
  poweroff -f 2>/dev/null || { echo 1 >/proc/sys/kernel/sysrq; echo o >/proc/sysrq-trigger; }
) &
