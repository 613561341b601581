#!/bin/sh
# Installs Turnout for one user: ./install.sh [--prefix DIR] | --remove. The default prefix is ~/.local; as root, /usr/local serves everybody.
# It writes nothing outside the prefix, and --remove takes away exactly what it wrote; settings and the ledger stay.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=${HOME:-}/.local
remove=
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2:?--prefix wants a folder}; shift 2 ;;
    --prefix=*) prefix=${1#*=}; shift ;;
    --remove) remove=1; shift ;;
    *) echo "usage: $0 [--prefix DIR] [--remove]" >&2; exit 2 ;;
  esac
done
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
program=$prefix/lib/turnout
command=$prefix/bin/turnout
entry=$prefix/share/applications/turnout.desktop
icon=$prefix/share/icons/hicolor/scalable/apps/turnout.svg

if [ -n "$remove" ]; then
  if [ "$(readlink "$command" 2>/dev/null)" = "$program/turnout" ]; then rm -f "$command"; fi
  rm -rf "$program"
  rm -f "$entry" "$icon"
  echo "Turnout is removed from $prefix. Settings and the ledger stay where they were (turnout rules path said where)."
  exit 0
fi

if [ -e "$command" ] && [ "$(readlink "$command" 2>/dev/null)" != "$program/turnout" ]; then
  echo "$command exists and is not this Turnout: remove it first, or choose another --prefix." >&2
  exit 1
fi
# What every desktop has, and we do not carry: its graphics driver is tied to it.
missing=$(ldd "$here"/turnout/_internal/PySide6/Qt/plugins/platforms/libqxcb.so 2>/dev/null | sed -n 's/^[[:space:]]*\(.*\) => not found/\1/p' | sort -u)
if [ -n "$missing" ]; then
  echo "The tray needs libraries that this machine lacks (the proxy, \`turnout serve\`, does not):" >&2
  echo "$missing" | sed 's/^/  /' >&2
  echo "Debian, Ubuntu: apt install libgl1 libegl1" >&2
fi
mkdir -p "$prefix/lib" "$prefix/bin" "${entry%/*}" "${icon%/*}"
# Beside the old one first: a running Turnout keeps its files until it ends.
rm -rf "$program.new"
cp -R "$here/turnout" "$program.new"
rm -rf "$program"
mv "$program.new" "$program"
ln -sfn "$program/turnout" "$command"
# In a desktop entry a program's path is quoted, with four signs escaped.
quoted=$(printf '%s' "$command" | sed 's/[\\"`$]/\\\\&/g; s/%/%%/g')
escaped=$(printf '"%s"' "$quoted" | sed 's/[\\&|]/\\&/g')
sed "s|@TURNOUT@|$escaped|" "$here/turnout.desktop" >"$entry"
cp "$here/turnout.svg" "$icon"
for made in update-desktop-database:"${entry%/*}" gtk-update-icon-cache:"$prefix/share/icons/hicolor"; do
  if command -v "${made%%:*}" >/dev/null 2>&1; then "${made%%:*}" -q "${made#*:}" >/dev/null 2>&1 || true; fi
done
echo "Turnout is installed: $command"
case :${PATH:-}: in *:"$prefix/bin":*) ;; *) echo "$prefix/bin is not on the PATH: add it, or call $command." ;; esac
