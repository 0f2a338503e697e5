"""Cases whose truth is known, of every set there is: what the scale of confidence is fitted to and judged on."""
