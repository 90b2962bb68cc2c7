"""The same random flow on the laptop and as a state machine, on engines, with the real worker.

`palette` has the tasks, each with another policy; `programs` draws flows that call them; `observe`
runs a flow in each way and writes down what can be compared.
"""
