"""A stranger's stack: ordinary servers and services that nobody made for Akeso, with their own defaults."""
