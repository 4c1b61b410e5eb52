"""A page for operators: what the pools of one process do, and two things that can be done to them.

It is made of what is there anyway. What it has to remember, it remembers only while somebody looks.
"""
