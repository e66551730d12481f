#!/usr/bin/env bash
# Writes the secrets of deploy/compose.yaml into deploy/secrets/, once: passwords of
# two users of Redis, and what each of them may do, which docs/how-to/redis.md explains;
# and a token of the console, with what the console keeps of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

main() {
  if [ -e secrets ]; then
    echo "secrets: deploy/secrets/ is there already, and stays as it is" >&2
    echo "    hint: to make new ones: docker compose -f deploy/compose.yaml down, remove it, and run this again" >&2
    exit 1
  fi
  # Nobody else gets through the directory; the containers' users read the files
  # themselves, which compose mounts one by one.
  mkdir -m 0700 secrets
  umask 0022
  password >secrets/redis-writer
  password >secrets/redis-reader
  users "$(cat secrets/redis-writer)" "$(cat secrets/redis-reader)" >secrets/redis-users
  printf 'rampart_server_%s' "$(password)" >secrets/console-token
  echo "trial server production sha256:$(sha256sum <secrets/console-token | cut -d' ' -f1)" >secrets/console-tokens
  echo "secrets: written to deploy/secrets/"
}

password() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# users WRITER READER prints Redis' file of users. Whoever names no user may say PING.
users() {
  cat <<USERS
user default reset on nopass +ping
user rampart-writer reset on >$1 ~rampart:{production}:* &rampart:{production}:* +ping +select +role +info +time +wait +eval +evalsha +hget +hmget +hgetall +hset +hsetnx +hdel +hexists +zadd +zrem +zrange +zrangebyscore +zcount +zcard +xadd +xrevrange +pexpire +publish +subscribe
user rampart-reader reset on >$2 %R~rampart:{production}:state %R~rampart:{production}:leases ~rampart:{production}:readers ~rampart:{production}:readers:* &rampart:{production}:changes +ping +select +role +time +eval +evalsha +subscribe +hmget +hgetall +hset +hdel +zadd +zrem +zrangebyscore +zcount +zcard
USERS
}

main
