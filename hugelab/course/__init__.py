"""The programs of the course: functions of a few values that return a Scenario, and what real kernels answered to them.
Labs, exercises and notebooks take them from here; nothing here draws, or knows a widget."""
