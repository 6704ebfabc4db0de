"""Tests of the plugin for Scipion's runner: scipion test xmipptomo.tests.test_protocol_deep_consensus_picking3d"""
