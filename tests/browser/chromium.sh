#!/bin/sh
# The tests of pages need a Chromium: by apt where it is missing and may be installed.
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Chromium is missing: apt-get install chromium"
    apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null && exit 0
fi
echo "The tests of pages need Chromium. On Debian: apt-get install chromium" >&2
exit 1
