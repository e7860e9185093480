#!/bin/sh
# Agent of a machine: takes jobs from its tenant's queue, one after the other, until there are none for it, says why it
# ends, and powers the machine off. The whole of its user data; docs/agent.md is its manual, src/queue/agent-protocol.md
# what it speaks. Needs a POSIX shell with busybox or curl. Patterns between double hashes are replaced by the factory.
MACHINEFEATURES='##user_data_machinefeatures_url##'
JOBFEATURES='##user_data_jobfeatures_url##'
JOBOUTPUTS='##user_data_joboutputs_url##'
queue='##user_data_option_queue##'
token='##user_data_option_queue_token##'
# Seconds that the queue may keep this machine waiting for a job.
poll='##user_data_option_queue_wait##'
# Seconds between two heartbeats.
beat='##user_data_option_heartbeat_every##'

LC_ALL=C PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
cr=$(printf '\r')
queue=${queue%/}
# Seconds kept free before the machine's end: to stop a job, return it and send the last word.
spare=30
# A queue that nobody can reach for so long is given up.
patience=600
least_disk_mb=8
done_jobs=0
asked='' insist=''

say() { echo "agent: $*"; }
# Some inits ignore the polite form, and some power off when user data has ended: it ends now.
power_off() { poweroff; (nap 30; poweroff -f) & }
uptime_now() { read -r now rest </proc/uptime; now=${now%.*}; }
whole() { # a number that is small enough to calculate with
  case $1 in '' | *[!0-9]* | 0?* | ????????????*) return 1 ;; esac
}
flat() { # NAME of a file in one directory, and nothing else
  case $1 in '' | .* | *[!A-Za-z0-9._+-]*) return 1 ;; esac
  [ ${#1} -le 128 ]
}
nap() { sleep "$1" 2>/dev/null || sleep 1; }

# --- HTTP -------------------------------------------------------------------------------------------------------------
# request METHOD URL [FILE]: sends FILE, or nothing. Sets `code` (000: no whole answer), `reason`, and what `reader` makes
# of the body. `raw` holds the answer, of which the body begins after `body_at` bytes. Secrets go through files, not argv.
request() {
  ask=$private/$slot.ask raw=${into:-$private/$slot.raw} body=${3:-$private/empty}
  : >"$raw"
  bearer=
  [ -z "$session" ] || case $2 in "$queue"/*) bearer="Authorization: Bearer $session" ;; esac
  if [ $http = curl ]; then
    printf 'header = "Expect:"\nheader = "%s"\n' "$bearer" >"$ask"
    set -- "$1" "$2" -q -s -i -K "$ask" -X "$1" -m "${limit:-20}"
    [ "$1" = GET ] || set -- "$@" -T "$body"
    url=$2
    shift 2
    curl "$@" "$url" 2>/dev/null | head -c "${most:-1000000}" >"$raw"
  else
    rest=${2#*://} path=/
    case $rest in */*) path=/${rest#*/} ;; esac
    rest=${rest%%/*} host=${rest%:*} port=${rest##*:}
    [ "$host" != "$rest" ] || case $2 in https:*) port=443 ;; *) port=80 ;; esac
    {
      printf '%s %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n' "$1" "$path" "$rest"
      [ "$1" = GET ] || printf 'Content-Length: %d\r\n' "$(wc -c <"$body")"
      printf '%s\r\n' ${bearer:+"$bearer"} ''
    } >"$ask"
    case $2 in
      https:*) cat "$ask" "$body" | timeout "${limit:-20}" openssl s_client -quiet -verify_quiet -verify_return_error -verify_hostname "$host" \
        -servername "$host" -connect "$host:$port" 2>/dev/null | head -c "${most:-1000000}" >"$raw" ;;
      *) timeout "${limit:-20}" $nc "$host" "$port" -e sh "$private/exchange" "$ask" "$body" "$raw" "${most:-1000000}" 2>/dev/null ;;
    esac
  fi
  code=000 body_at=0 length='' reason=''
  read_answer <"$raw"
  ! whole "$length" || [ "$(wc -c <"$raw")" -ge $((body_at_head + length)) ] || code=000
  limit='' most='' reader='' into=''
  [ $code != 000 ]
}
read_answer() {
  seen=000
  while IFS= read -r line; do
    body_at=$((body_at + ${#line} + 1))
    line=${line%"$cr"}
    case $line in
      HTTP/*) seen=${line#* } seen=${seen%% *}; case $seen in [1-5][0-9][0-9]) ;; *) return ;; esac ;;
      [Cc]ontent-[Ll]ength:*) length=${line#*:} length=${length# } ;;
      [Vv]acua-[Rr]eason:*) reason=${line#*: } ;;
      '')
        # A proxy may have answered 1xx or 200 (CONNECT) before.
        case $seen in 1??) continue ;; esac
        code=$seen body_at_head=$body_at
        case $code in 2??) ${reader:-:} ;; *) IFS= read -r reason ;; esac
        return ;;
    esac
  done
}
# Runs with the connection as its input and output: nothing of it is closed before the answer has come.
exchange_script='cat "$1" "$2"; exec head -c "$4" >"$3"'
choose_http() {
  : >"$private/empty"
  if [ "$(curl --version 2>/dev/null | head -c 5)" = 'curl ' ]; then http=curl; return; fi
  http=nc nc='busybox nc'
  busybox true 2>/dev/null || nc=nc
  printf '%s\n' "$exchange_script" >"$private/exchange"
}

# --- Machine and job features, job outputs ---------------------------------------------------------------------------------
read_value() { IFS= read -r value; value=${value%"$cr"}; }
feature() { # feature PLACE KEY: sets `value`, or fails
  value=
  case $1 in
    '') return 1 ;;
    /*) [ -r "$1/$2" ] && read_value <"$1/$2"; [ -n "$value" ] ;;
    *) reader=read_value; request GET "$1/$2" && [ "$code" = 200 ] ;;
  esac
}
number() { feature "$1" "$2" && whole "$value"; }
# Sets `ends`, the uptime at which work must be over, and `drained` when the host wants that; looked at again every minute.
look_ahead() {
  uptime_now
  [ "$now" -ge "${look_again:-0}" ] || return 0
  look_again=$((now + 60))
  behind=$(($(date +%s) - now))
  drained=
  number "$JOBFEATURES" wall_limit_secs && wall_limit=$value
  ends=$((jobstart + wall_limit - behind - spare))
  for place in "$JOBFEATURES shutdowntime_job" "$MACHINEFEATURES shutdowntime"; do
    number "${place% *}" "${place#* }" || continue
    if [ $((value - behind - spare)) -le "$ends" ]; then ends=$((value - behind - spare)) drained=yes; fi
  done
}
output() { # output FILE NAME: to the factory
  case $JOBOUTPUTS in
    '') ;;
    /*) cp "$1" "$JOBOUTPUTS/$2" ;;
    *) request PUT "$JOBOUTPUTS/$2" "$1" && case $code in 2??) ;; *) false ;; esac ;;
  esac
}
heartbeat() {
  uptime_now
  [ "$now" -ge "${beat_again:-0}" ] || return 0
  beat_again=$((now + beat))
  echo "$done_jobs" >"$private/heartbeat"
  output "$private/heartbeat" heartbeat
}
finish() { # finish MESSAGE: the last word
  message=$(printf %s "$1" | tr -cd '\40-\176' | head -c 200)
  say "$message"
  printf %s "$message" >"$private/shutdown_message"
  for pause in 1 2 5 0; do
    output "$private/shutdown_message" shutdown_message && break
    nap $pause
  done
  cd /
  rm -rf "$private" "$work"
  power_off
  exit 0
}
done_or() { # 200 when something was done, else MESSAGE
  [ "$done_jobs" = 0 ] && finish "$1"
  finish "200 $done_jobs jobs done"
}
# A guest that lives in its initial RAM disk has no file system that df could tell of: half of the free memory is its room then.
free_mb() {
  set -- $(df -Pk "$work" 2>/dev/null | tail -n 1)
  whole "$4" && disk_mb=$(($4 / 1024)) || disk_mb=$(awk '/^MemAvailable:/ { printf "%d", $2 / 2048 }' /proc/meminfo)
}
check_disk() {
  free_mb
  [ "$disk_mb" -ge $least_disk_mb ] || finish "500 no disk: $disk_mb MiB free, $least_disk_mb needed"
}

# --- The queue ----------------------------------------------------------------------------------------------------------------
# retrying LIMIT COMMAND: again while there is no answer or 503, with growing pauses, until the uptime LIMIT.
retrying() {
  until=$1 pause=1
  shift
  while :; do
    "$@" && case $code in 429 | 50[0-4]) ;; *) return 0 ;; esac
    uptime_now
    [ -z "$asked" ] || [ -n "$insist" ] || return 1
    [ $((now + pause)) -lt "$until" ] || return 1
    heartbeat
    nap $pause
    [ $pause -ge 30 ] || pause=$((pause * 2))
  done
}
give_up() { uptime_now; until=$((now + patience)); [ "$until" -lt "$ends" ] || until=$ends; }

read_session() { IFS= read -r line; case $line in session=*[!A-Za-z0-9._~+/=-]*) ;; session=?*) secret=${line#session=} secret=${secret%"$cr"} ;; esac; }
ask_session() { reader=read_session; session=$token; request POST "$queue/agent/v1/sessions" "$private/nonce"; }
open_session() {
  secret=
  give_up
  retrying "$until" ask_session || { [ -z "$asked" ] || finish '100 asked to stop, 0 jobs done'; finish '600 the queue cannot be reached'; }
  session=$secret
  case $code:$secret in
    201:?*) ;;
    403:*) finish "400 banned by the queue: $reason" ;;
    401:*) finish "500 the queue does not accept the token of this machine: $reason" ;;
    *) finish "600 no session with the queue, status $code: $reason" ;;
  esac
}

read_job() { # header lines, an empty line, then the script
  job='' lease='' lease_seconds='' wall='' kill_after=30 log_bytes=0 output_bytes=0 inputs='' outputs='' fields=0
  while IFS= read -r line; do
    body_at=$((body_at + ${#line} + 1))
    [ -n "$line" ] || return 0
    fields=$((fields + 1))
    [ $fields -le 2000 ] || return
    value=${line#*=}
    case $line in
      job=*) job=$value ;;
      lease=*) lease=$value ;;
      lease_seconds=*) lease_seconds=$value ;;
      wall=*) wall=$value ;;
      kill_after=*) kill_after=$value ;;
      log_bytes=*) log_bytes=$value ;;
      output_bytes=*) output_bytes=$value ;;
      input=*) if flat "$value"; then inputs="$inputs $value"; else lease=; fi ;;
      output=*) if flat "$value"; then outputs="$outputs $value"; else lease=; fi ;;
    esac
  done
  lease=
}
usable_job() {
  flat "$job" && whole "$lease_seconds" && whole "$wall" && whole "$kill_after" && whole "$log_bytes" && whole "$output_bytes" || return 1
  case $lease in '' | *[!A-Za-z0-9_-]*) return 1 ;; esac
  [ "$lease_seconds" -gt 0 ]
}
ask_job() {
  uptime_now
  printf 'processors=%s\nmemory_mb=%s\ndisk_mb=%s\ntime_left=%s\n' "$processors" "$memory_mb" "$disk_mb" $((ends - now)) >"$private/offer"
  reader=read_job limit=$((poll + 20)) most=8000000
  request POST "$queue/agent/v1/jobs?wait=$poll" "$private/offer"
}
of_lease() { request "$1" "$queue/agent/v1/leases/$lease/$2" ${3:+"$3"}; }
read_lease() { IFS= read -r line; case $line in lease=*) whole "${line#lease=}" && lease_seconds=${line#lease=} ;; esac; }

# --- A job --------------------------------------------------------------------------------------------------------------------
as_job() { # COMMAND with the rights of jobs
  case $switch in
    setpriv) setpriv --reuid="$user" --regid="$group" --clear-groups -- "$@" ;;
    su) su -s /bin/sh -c 'exec "$0" "$@"' -- "$user" "$@" ;;
    *) "$@" ;;
  esac
}
# Jobs run as `nobody` where the agent is root and can become it, so that no job can read what the agent knows.
choose_user() {
  switch='' user=$(id -un)
  [ "$(id -u)" = 0 ] && group=$(id -g nobody 2>/dev/null) || return 0
  user=nobody
  for switch in setpriv su ''; do
    [ "$(as_job id -u 2>/dev/null)" = "$(id -u nobody)" ] && return
  done
  user=root
}
# The job is the leader of a session of its own. The kernel's choice when memory is short is the job and not the agent.
start_job() {
  set -- env -i PATH="$PATH" HOME="$work/job" TMPDIR="$work/job" USER="$user" MACHINEFEATURES="$MACHINEFEATURES" JOBFEATURES="$JOBFEATURES" \
    sh -c 'echo 1000 >/proc/self/oom_score_adj; ulimit -c 0; ulimit -f "$1"; cd "$2" && exec sh "$3"' sh $(((disk_mb - least_disk_mb) * 2048)) "$work/job" "$work/script"
  case $switch in
    setpriv) set -- setpriv --reuid="$user" --regid="$group" --clear-groups -- "$@" ;;
    su) set -- su -s /bin/sh -c 'exec "$0" "$@"' -- "$user" "$@" ;;
  esac
  setsid "$@" </dev/null >>"$work/log" 2>&1 &
  running=$!
}
# Everything in the job's session, also what has left its process group.
signal_job() {
  kill -"$1" -"$running" 2>/dev/null
  [ "$1" = KILL ] || return 0
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    pid=${line%% *}
    set -- ${line##*) }
    [ "$4" != "$running" ] || kill -KILL "$pid" 2>/dev/null
  done
}
stop_job() { # stop_job VERDICT: TERM, patience, KILL; the main process finds the verdict in a file
  stopped=yes
  echo "$1" >"$private/verdict"
  [ -e "$private/running" ] || return 0
  signal_job TERM
  uptime_now
  stop_at=$((now + kill_after))
  while kill -0 -"$running" 2>/dev/null && [ "$now" -lt "$stop_at" ]; do
    nap 0.2
    uptime_now
  done
  signal_job KILL
}
# Sends what has come to the log since, as far as the queue keeps it.
send_log() {
  while size=$(wc -c <"$work/log") && [ "$sent" -lt "$size" ] && [ "$sent" -lt "$log_bytes" ]; do
    chunk=$((log_bytes - sent))
    [ $chunk -le 262144 ] || chunk=262144
    tail -c +$((sent + 1)) "$work/log" | head -c $chunk >"$private/chunk"
    of_lease POST "log?offset=$sent" "$private/chunk"
    case $code in
      200) sent=$((sent + $(wc -c <"$private/chunk"))) ;;
      413) log_bytes=$sent ;;
      *) return ;;
    esac
    echo "$sent $log_bytes" >"$private/sent"
  done
  # The job goes on writing at the end, and what will not be sent must not fill the disk.
  [ "$sent" -lt "$log_bytes" ] || : >"$work/log"
}
# Beside the job, from its first moment until its result is told: lease, log, limits, heartbeat. Ends when told by USR1.
mind() {
  slot=minder ended='' napping='' stopped='' sent=0 tick=1
  trap 'ended=yes; [ -z "$napping" ] || kill -KILL $napping' USR1
  trap '' TERM INT
  every=$((lease_seconds / 3))
  [ $every -gt 0 ] || every=1
  uptime_now
  renew_again=$((now + every))
  while [ -z "$ended" ]; do
    sleep $tick &
    napping=$!
    [ -n "$ended" ] || wait $napping
    kill -KILL $napping 2>/dev/null
    napping=
    [ -z "$ended" ] || break
    uptime_now
    if [ -n "$stopped" ]; then :
    elif [ "$now" -ge "$wall_end" ]; then stop_job timeout
    elif [ "$now" -ge $((ends - kill_after)) ]; then stop_job host; fi
    [ "$now" -lt "$renew_again" ] || renew
    [ -z "$lost" ] || return
    heartbeat
    look_ahead
    [ ! -e "$private/running" ] || send_log
    uptime_now
    tick=5
    for at in $wall_end $((ends - kill_after)) $renew_again; do
      [ $((at - now)) -ge $tick ] || [ "$at" -le "$now" ] || tick=$((at - now))
    done
  done
}
renew() {
  began=$now reader=read_lease limit=10
  of_lease POST renew
  uptime_now
  case $code in
    200) lease_end=$((began + lease_seconds)) renew_again=$((began + every)); echo $lease_end >"$private/lease_end" ;;
    409) lost=lost ;;
    410) lost=cancelled ;;
    *) renew_again=$((now + 1)); [ "$now" -lt "$lease_end" ] || lost=lost ;;
  esac
  [ -z "$lost" ] || { kill_after=5; stop_job $lost; }
}
end_minding() {
  [ -n "$minder" ] || return 0
  kill -USR1 "$minder" 2>/dev/null
  while kill -0 "$minder" 2>/dev/null; do wait "$minder"; done
  minder=
}
verdict() { verdict=; [ ! -e "$private/verdict" ] || read -r verdict <"$private/verdict"; }

get_input() { into=$work/spool most=$(((disk_mb - least_disk_mb) * 1048576)) limit=600; of_lease GET "inputs/$name"; }
fetch_inputs() {
  for name in $inputs; do
    give_up
    retrying "$until" get_input || return
    case $code in
      200) tail -c +$((body_at + 1)) "$work/spool" >"$work/job/$name" || return ;;
      404) failure="$name: not at the queue"; return 1 ;;
      *) return 1 ;;
    esac
  done
  rm -f "$work/spool"
}
# A job's file is read with the rights of the job, for it may be a link to anything; and only what fits is sent.
read_as_job() { # FILE BYTES SECONDS
  as_job timeout "$3" sh -c '[ -f "$1" ] && [ ! -L "$1" ] && exec head -c "$2" "$1"' sh "$work/job/$1" "$2" 2>/dev/null
}
put_output() { limit=600; of_lease PUT "outputs/$name" "$work/out"; }
send_outputs() {
  left=$output_bytes
  for name in $outputs; do
    read_as_job "$name" $left 600 >"$work/out" || continue
    left=$((left - $(wc -c <"$work/out")))
    give_up
    retrying "$until" put_output
    case $code in
      2?? | 404 | 413) ;;
      409 | 410) break ;;
      *) failure="$name: status $code" ;;
    esac
  done
  rm -f "$work/out"
}
tell() { # tell finish|return LINE...: until it is heard, or the lease is surely lost
  what=$1 insist=yes
  shift
  printf '%s\n' "$@" >"$private/result"
  [ ! -e "$private/lease_end" ] || read -r lease_end <"$private/lease_end"
  retrying "$lease_end" of_lease POST "$what" "$private/result"
  insist=
  say "job $job: $* ($code)"
}
give_back() { end_minding; tell return "why=$1"; }

run_job() {
  uptime_now
  lease_end=$((now + lease_seconds)) minder='' failure='' lost='' wall_end=$((now + 999999))
  rm -f "$private/verdict" "$private/sent" "$private/lease_end"
  verdict=
  mkdir "$work/job" && tail -c +$((body_at + 1)) "$raw" >"$work/script" || { give_back 'the disk of the machine is full'; return; }
  chmod 644 "$work/script"
  : >"$work/log"
  retrying "$lease_end" of_lease POST begin
  [ "$code" = 200 ] || { say "job $job: not begun ($code)"; return; }
  if [ -n "$inputs" ]; then
    mind &
    minder=$!
    fetch_inputs || { missing_input; return; }
    end_minding
    verdict
    [ -z "$verdict" ] || { missing_input; return; }
  fi
  [ -z "$asked" ] || { give_back 'the machine is asked to stop'; return; }
  [ -z "$switch" ] || chown -R "$user:$group" "$work/job"
  uptime_now
  began_at=$now wall_end=$((now + wall))
  : >"$private/running"
  start_job
  mind &
  minder=$!
  while wait "$running"; status=$?; [ -n "$asked" ] && kill -0 "$running" 2>/dev/null; do stop_job host; done
  rm -f "$private/running"
  uptime_now
  took=$((now - began_at))
  signal_job KILL
  running=
  verdict
  case $verdict in '' | timeout) send_outputs ;; esac
  end_minding
  verdict
  case $verdict in
    host) look_again=0; give_back 'the machine has to end'; return ;;
    '' | timeout) ;;
    *) say "job $job: $verdict"; return ;;
  esac
  sent=0
  [ ! -e "$private/sent" ] || read -r sent log_bytes <"$private/sent"
  send_log
  done_jobs=$((done_jobs + 1))
  prologue=
  [ "$status" != 125 ] || prologue=$(read_as_job .vacua-failure 300 10 | head -n 1 | tr -cd '\40-\176')
  case $verdict:$failure:$prologue in
    timeout:*) tell finish result=timeout "wall=$took" ;;
    :?*:*) tell finish result=failed phase=outputs "text=$failure" ;;
    ::prologue*) tell finish result=failed phase=prologue "text=${prologue#prologue }" ;;
    *) tell finish result=exited "exit=$status" "wall=$took" ;;
  esac
}
missing_input() {
  end_minding
  verdict
  case $verdict in lost | cancelled) say "job $job: $verdict"; return ;; esac
  [ -z "$failure" ] || { tell finish result=failed phase=inputs "text=$failure"; return; }
  free_mb
  give_back "an input could not be had: status $code, $disk_mb MiB free"
}

# --- The machine's life ------------------------------------------------------------------------------------------------------
slot=main session='' code=000 running='' verdict=''
base=${TMPDIR:-/tmp}
[ ! -d /scratch ] || [ ! -w /scratch ] || base=/scratch
# What the agent itself needs lies in memory, so that a job which fills the disk cannot silence it.
for private in /run /dev/shm "$base"; do
  private=$(mktemp -d "$private/agent.XXXXXX" 2>/dev/null) && break
done
choose_http
work=$(mktemp -d "$base/agent.XXXXXX") && chmod 711 "$work" || finish "500 no disk: nothing can be written in $base"
trap 'asked=yes; [ ! -e "$private/running" ] || { echo host >"$private/verdict"; kill -TERM -"$running"; }' TERM INT
check_disk
choose_user
whole "$poll" && [ "$poll" -le 30 ] || poll=30
whole "$beat" && [ "$beat" -ge 5 ] || beat=60
for pause in 1 2 4 8 0; do
  number "$JOBFEATURES" jobstart_secs && jobstart=$value && number "$JOBFEATURES" wall_limit_secs && wall_limit=$value && break
  [ $pause != 0 ] && [ $code = 000 ] || finish '500 no machine or job features'
  nap $pause
done
number "$JOBFEATURES" allocated_cpu || number "$MACHINEFEATURES" total_cpu || value=$(grep -c ^processor /proc/cpuinfo)
processors=$value
number "$JOBFEATURES" max_rss_bytes || value=$(awk '/^MemTotal:/ { printf "%d", $2 * 1024 }' /proc/meminfo)
memory_mb=$((value / 1048576))
look_ahead
printf 'nonce=%s\n' "$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')" >"$private/nonce"
open_session
say "$processors processor(s), $memory_mb MiB, jobs run as $user"
refused=0
while :; do
  [ -z "$asked" ] || finish "100 asked to stop, $done_jobs jobs done"
  check_disk
  heartbeat
  look_ahead
  if [ "$now" -ge "$ends" ] || [ "$verdict" = host ]; then
    [ -z "$drained" ] || finish "100 the host ends soon, $done_jobs jobs done"
    done_or '100 the lifetime is over, 0 jobs done'
  fi
  give_up
  retrying "$until" ask_job || { [ -n "$asked" ] || finish '600 the queue cannot be reached'; continue; }
  case $code in
    200)
      refused=0
      usable_job || finish '600 the queue sends a job that cannot be read'
      run_job
      rm -rf "$work/job" "$work/script" "$work/log" ;;
    204) done_or "300 no job for this machine: $reason" ;;
    401) # The queue may have forgotten its sessions.
      refused=$((refused + 1))
      [ $refused -le 2 ] || finish "600 the queue refuses its own session: $reason"
      open_session ;;
    403) finish "400 banned by the queue: $reason" ;;
    *) finish "600 the queue answered $code: $reason" ;;
  esac
done
