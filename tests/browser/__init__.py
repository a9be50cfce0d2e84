"""The back office as staff see it: Debian's Chromium in front of the real web server.

Run by `make browser-tests`, apart from the other tests: they need a browser.
"""
