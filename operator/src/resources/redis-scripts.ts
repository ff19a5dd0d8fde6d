/**
 * How pods of a Redis with Sentinel start and stop. Plain sh with redis-cli, mv, sleep and timeout, which Redis images have.
 * In their environment: SELF and the lists NODES and SENTINELS of `host:port`, PRIMARY_NAME, QUORUM; the password is a file.
 */

/** What all scripts share. */
const library = `
read -r REDISCLI_AUTH < "$AUTH_DIR/password" || true
export REDISCLI_AUTH

# Names in full, which the cluster's name service answers by itself: asked for a pod that is gone it would ask outside of the
# cluster for a shorter one, and a sentinel that waits 2 s for a name does nothing for 30 s.
domain=
while read -r key first others; do
  if [ "$key" = search ]; then
    case $first in
      *.svc.*) domain=\${first#*.svc} ;;
    esac
  fi
done < /etc/resolv.conf
in_full() {
  names=
  for each in "$@"; do
    case \${each%:*} in
      *.svc) each=\${each%:*}$domain:\${each##*:} ;;
    esac
    names="$names $each"
  done
  echo "\${names# }"
}
SELF=$(in_full $SELF)
NODES=$(in_full $NODES)
SENTINELS=$(in_full $SENTINELS)

ask() {
  address=$1
  shift
  timeout 2 redis-cli -h "\${address%:*}" -p "\${address##*:}" "$@" 2>&1
}

# The primary that enough sentinels agree on; nothing when they do not.
agreed_primary() {
  votes=
  for sentinel in $SENTINELS; do
    set -- $(ask "$sentinel" SENTINEL GET-MASTER-ADDR-BY-NAME "$PRIMARY_NAME")
    if [ $# -eq 2 ]; then votes="$votes $1:$2"; fi
  done
  for node in $NODES; do
    count=0
    for vote in $votes; do
      if [ "$vote" = "$node" ]; then count=$((count + 1)); fi
    done
    if [ "$count" -ge "$QUORUM" ]; then
      echo "$node"
      return
    fi
  done
}

# No process listens there, which is known and not only guessed from silence.
is_idle() {
  case $1 in
    *'Connection refused'* | *'not known'* | *'not resolve'* | *'No address'*) return 0 ;;
  esac
  return 1
}
`;

/**
 * A Redis never decides by itself that it is the primary: a majority of the sentinels says who is. One that is named but comes
 * back without data lets a replica that has some be promoted first, or all would be emptied after its likeness.
 */
export const startNode: string = `#!/bin/sh
set -u
${library}
# Whether some sentinel has seen the primary run: what it named is then no first start, and it is about to promote another.
has_lived() {
  for sentinel in $SENTINELS; do
    set -- $(ask "$sentinel" SENTINEL MASTER "$PRIMARY_NAME")
    while [ $# -gt 1 ]; do
      if [ "$1" = runid ] && [ "$2" != flags ]; then return 0; fi
      shift
    done
  done
  return 1
}

# Whether another node has data that following an empty primary would delete.
others_hold_data() {
  for node in $NODES; do
    if [ "$node" = "$SELF" ]; then continue; fi
    answer=$(ask "$node" DBSIZE)
    if [ "$answer" = 0 ]; then continue; fi
    # What is not running has nothing in memory, but perhaps on its volume.
    if is_idle "$answer" && [ "$PERSISTENT" = no ]; then continue; fi
    return 0
  done
  return 1
}

waited=0
while :; do
  primary=$(agreed_primary)
  if [ -n "$primary" ] && [ "$primary" != "$SELF" ]; then
    echo "starts as a replica of $primary"
    set -- --replicaof "\${primary%:*}" "\${primary##*:}"
    break
  fi
  if [ "$primary" = "$SELF" ]; then
    set --
    if [ -e "$DATA_DIR/appendonlydir" ]; then
      echo "starts as the primary, with its data"
      break
    fi
    if ! has_lived && ! others_hold_data; then
      echo "starts as the primary: nobody has been it before"
      break
    fi
    # Nobody was promoted in all this time: a Redis without data is better than none.
    if [ "$waited" -ge "$PATIENCE" ]; then
      echo "starts as the primary: nobody else was promoted"
      break
    fi
    waited=$((waited + 1))
  fi
  sleep 1
done
# Read from stdin, so that nobody can rewrite the file: whom a node follows is asked anew at each start.
exec redis-server - < "$CONFIG_FILE" --replica-announce-ip "\${SELF%:*}" --replica-announce-port "\${SELF##*:}" \\
  --port "\${SELF##*:}" --dir "$DATA_DIR" "$@"
`;

/** Before a primary stops it has itself replaced, so that a planned restart does not cost the time to find it dead. */
export const stopNode: string = `#!/bin/sh
set -u
${library}
role() {
  set -- $(ask "$SELF" ROLE)
  echo "\${1:-}"
}

# What a sentinel would do to it, only 8 s sooner: what is written to it meanwhile is gone.
follow() {
  ask "$SELF" > /dev/null <<COMMANDS
MULTI
REPLICAOF \${1%:*} \${1##*:}
CLIENT KILL TYPE normal
CLIENT KILL TYPE pubsub
EXEC
COMMANDS
}
waited=0
accepted=no
while state=$(role) && [ "$waited" -lt 12 ]; do
  # One that is too busy to say is what it was.
  case $state in
    master | '') ;;
    *) break ;;
  esac
  waited=$((waited + 1))
  primary=$(agreed_primary)
  if [ -n "$primary" ] && [ "$primary" != "$SELF" ]; then
    follow "$primary"
    continue
  fi
  for sentinel in $SENTINELS; do
    if [ "$accepted" = no ] && [ "$(ask "$sentinel" SENTINEL FAILOVER "$PRIMARY_NAME")" = OK ]; then accepted=yes; fi
  done
  sleep 1
done
exit 0
`;

/** A primary is ready, and a replica that follows one. */
export const probeNode: string = `#!/bin/sh
set -u
${library}
set -- $(ask "$SELF" ROLE)
case "\${1:-} \${4:-}" in
  'master '* | 'slave connected') exit 0 ;;
esac
echo "$*"
exit 1
`;

/**
 * Sentinel rewrites its file, so it lives on a volume. Without one the primary is found from the other sentinels or the nodes
 * themselves; only when nobody runs at all is it the first node. Its id is fixed, because a sentinel that came back under
 * another one would count twice, and a majority of all ids could become more than there are sentinels.
 */
export const startSentinel: string = `#!/bin/sh
set -u
${library}
# What nodes that run say: the one that is primary, or the one that all follow.
primary_of_nodes() {
  masters=
  followed=
  for node in $NODES; do
    set -- $(ask "$node" ROLE)
    case \${1:-} in
      master) masters="$masters $node" ;;
      slave) followed="$followed $2:$3" ;;
    esac
  done
  set -- $masters
  if [ $# -gt 1 ]; then return; fi
  if [ $# -eq 1 ]; then
    echo "$1"
    return
  fi
  set -- $followed
  for each in "$@"; do
    if [ "$each" != "$1" ]; then return; fi
  done
  echo "\${1:-}"
}

# Three times in a row, and with a name service that knows ourselves.
nobody_runs() {
  for round in 1 2 3; do
    case $(ask "$SELF" PING) in
      *'Connection refused'*) ;;
      *) return 1 ;;
    esac
    for node in $NODES; do
      is_idle "$(ask "$node" PING)" || return 1
    done
    sleep 1
  done
}

find_primary() {
  while :; do
    primary=$(agreed_primary)
    if [ -z "$primary" ]; then primary=$(primary_of_nodes); fi
    if [ -z "$primary" ] && nobody_runs; then primary=\${NODES%% *}; fi
    if [ -n "$primary" ]; then return; fi
    sleep 1
  done
}

file=$DATA_DIR/sentinel.conf
id=
position=0
for sentinel in $SENTINELS; do
  position=$((position + 1))
  if [ "$sentinel" = "$SELF" ]; then
    at=0
    for each in $IDS; do
      at=$((at + 1))
      if [ "$at" = "$position" ]; then id=$each; fi
    done
  fi
done

if [ -s "$file" ]; then
  # What it found out stays, what it was told is told anew.
  while IFS= read -r line; do
    case $line in
      'user '* | 'requirepass '* | 'port '* | 'dir '* | 'sentinel auth-pass '* | 'sentinel sentinel-pass '*) ;;
      'sentinel down-after-milliseconds '* | 'sentinel failover-timeout '* | 'sentinel announce-'*) ;;
      *) printf '%s\\n' "$line" ;;
    esac
  done < "$file" > "$file.new"
else
  find_primary
  echo "finds the primary $primary"
  {
    echo 'protected-mode no'
    echo "sentinel myid $id"
    echo 'sentinel resolve-hostnames yes'
    echo "sentinel monitor $PRIMARY_NAME \${primary%:*} \${primary##*:} $QUORUM"
    echo "sentinel parallel-syncs $PRIMARY_NAME 1"
    for node in $NODES; do
      if [ "$node" != "$primary" ]; then
        echo "sentinel known-replica $PRIMARY_NAME \${node%:*} \${node##*:}"
      fi
    done
  } > "$file.new"
fi
{
  echo "port \${SELF##*:}"
  echo "dir $DATA_DIR"
  # Two passwords while they change.
  while IFS= read -r line; do
    case $line in
      'user '* | 'requirepass '*) printf '%s\\n' "$line" ;;
    esac
  done < "$AUTH_DIR/auth.conf"
  echo 'sentinel announce-hostnames yes'
  echo "sentinel announce-ip \${SELF%:*}"
  echo "sentinel announce-port \${SELF##*:}"
  echo "sentinel sentinel-pass $REDISCLI_AUTH"
  echo "sentinel auth-pass $PRIMARY_NAME $REDISCLI_AUTH"
  echo "sentinel down-after-milliseconds $PRIMARY_NAME $DOWN_AFTER_MS"
  echo "sentinel failover-timeout $PRIMARY_NAME $FAILOVER_TIMEOUT_MS"
} >> "$file.new"
mv "$file.new" "$file"
exec redis-server "$file" --sentinel
`;
