/**
 * A shell script that stands for `docker`: a container is a folder under $FAKE_DOCKER with a JVM, started from the
 * KAFKA_* variables by the rules of the apache/kafka image (`_` is `.`, `__` is `_`, `___` is `-`). It knows only the
 * commands that src/local-broker/docker-broker.ts uses, and wants the jars of Kafka in $FAKE_DOCKER_CLASSPATH.
 */
export const FAKE_DOCKER = `
start() {
  java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$FAKE_DOCKER_CLASSPATH" kafka.Kafka "$1/properties" \\
    >> "$1/log" 2>&1 < /dev/null &
  echo $! > "$1/pid"
}
alive() { kill -0 "$(cat "$1/pid")" 2> /dev/null; }
command=$1; shift
for last; do :; done
box="$FAKE_DOCKER/$last"
case "$command" in
  version) echo fake ;;
  image) exit 0 ;;
  run)
    while [ $# -gt 1 ]; do
      case "$1" in
        --name) box="$FAKE_DOCKER/$2"; mkdir "$box" ;;
        -e) echo "$2" | sed -E 's/^KAFKA_([^=]*)=/\\L\\1=/' | awk -F= -v OFS== \\
          '{ gsub("___", "\\001", $1); gsub("__", "\\002", $1); gsub("_", ".", $1);
             gsub("\\001", "-", $1); gsub("\\002", "_", $1); print }' >> "$box/properties" ;;
      esac
      shift
    done
    echo "log.dirs=$box/data" >> "$box/properties"
    java -Xmx128m -cp "$FAKE_DOCKER_CLASSPATH" kafka.tools.StorageTool format -t 5L6g3nShT-eMCtK--X86sw \\
      -c "$box/properties" > "$box/log" 2>&1 || { echo 99999999 > "$box/pid"; exit 0; }
    start "$box" ;;
  inspect) if alive "$box"; then echo true; else echo false; fi ;;
  logs) cat "$box/log" ;;
  kill) kill -9 "$(cat "$box/pid")" ;;
  restart) kill "$(cat "$box/pid")" 2> /dev/null; while alive "$box"; do sleep 0.1; done; start "$box" ;;
  rm) kill -9 "$(cat "$box/pid")" 2> /dev/null; rm -rf "$box" ;;
  *) echo "fake docker does not know $command" >&2; exit 1 ;;
esac`;
