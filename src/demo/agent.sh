#!/bin/sh
# Agent of a demonstration tenant: fetches jobs from its tenant's queue, one after the other, until there are none or it
# has done its number, says why it ends, and lets the machine power off. Runs in the mini guest's busybox.
# Patterns between double hashes are replaced by the factory (docs: user data templates).
MACHINEFEATURES='##user_data_machinefeatures_url##'
JOBFEATURES='##user_data_jobfeatures_url##'
JOBOUTPUTS='##user_data_joboutputs_url##'
QUEUE='##user_data_option_queue##'
JOBS='##user_data_option_jobs##'
export MACHINEFEATURES JOBFEATURES JOBOUTPUTS
cd "$(mktemp -d)" || exit 1

get() { curl -s -f -m 20 "$1"; }
# A heartbeat is a file among the job outputs: its last change counts, not its content.
heartbeat() {
  echo "$1" >heartbeat
  curl -s -f -m 20 -T heartbeat "$JOBOUTPUTS/heartbeat" >/dev/null
}
# One line, three digits first: why this machine ends.
finish() {
  printf %s "$1" >shutdown_message
  curl -s -f -m 20 -T shutdown_message "$JOBOUTPUTS/shutdown_message" >/dev/null
  echo "agent: $1"
  exit 0
}

start=$(get "$JOBFEATURES/jobstart_secs") && limit=$(get "$JOBFEATURES/wall_limit_secs") && processors=$(get "$MACHINEFEATURES/total_cpu") ||
  finish "500 no machine or job features"
end=$((start + limit))
echo "agent: $processors processor(s), until $end"
heartbeat started

count=0
while [ "$count" -lt "$JOBS" ]; do
  # A planned shutdown may appear at any time, and the lifetime has an end: take no job that cannot be finished.
  planned=$(get "$JOBFEATURES/shutdowntime_job") || planned=$end
  [ "$planned" -lt "$end" ] || planned=$end
  [ $((planned - $(date +%s))) -gt 30 ] || finish "100 the host ends soon, $count jobs done"
  code=$(curl -s -m 20 -X POST -o job -w '%{http_code}' "$QUEUE/leases")
  case $code in
    201) ;;
    204) finish "300 no more work, $count jobs done" ;;
    *) finish "600 the queue answered $code" ;;
  esac
  read -r lease job kind seed points <job
  if [ "$kind" = hang ]; then
    echo "agent: job $job hangs"
    while :; do sleep 3600; done
  fi
  awk -v seed="$seed" -v n="$points" 'BEGIN {
    m = 2147483647
    for (i = 0; i < n; i++) {
      seed = (seed * 16807) % m; x = int(seed / 65536)
      seed = (seed * 16807) % m; y = int(seed / 65536)
      if (x * x + y * y < 1073741824) hits++
    }
    printf "%d %d\n", hits, seed
  }' >result
  code=$(curl -s -m 20 -T result -o /dev/null -w '%{http_code}' "$QUEUE/leases/$lease/result")
  echo "agent: job $job: $code"
  count=$((count + 1))
  heartbeat "$count"
done
finish "200 $count jobs done"
