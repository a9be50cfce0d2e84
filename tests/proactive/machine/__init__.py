"""The state machine of `test_state_machine`: people, clock, provider, staff, and what must hold."""
