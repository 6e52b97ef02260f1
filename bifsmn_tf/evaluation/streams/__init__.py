"""How a spotter does in sound that goes on: false accepts, misses, latency.

recordings      what is heard: folders, trials, composed from clips
  -> listeners  who hears it: our files, and peers' packages
  -> scores     every decision on it, computed once
  -> events     what a detector would report at a threshold, hit or false
  -> curve      the figures at many thresholds
  -> choice     the thresholds that give a wanted rate
"""
