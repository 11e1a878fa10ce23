"""The matcher: owns the pool of waiting tickets and decides who fits whom."""
