"""The library's own services, as a team would write them. They run in an environment of their own, from copied
files, and know nothing of Akeso."""
