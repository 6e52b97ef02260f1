"""Keywords spoken by espeak-ng: a data set where no recordings are.

recipe.py     what is to be spoken, by whom and in what noise
voices.py     who speaks, and in which split
espeak.py     espeak-ng through ctypes
noise.py      noise of several colours
generate.py   recipe to clips, in parallel, resumable
"""
