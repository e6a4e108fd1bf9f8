"""What stands between the network and the pages: hosts, headers, body sizes, cookies, identity, cross-site requests."""
