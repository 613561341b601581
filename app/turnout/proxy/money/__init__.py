"""What calls are held at, cost, and have cost: budgets' books, prices in force, what is learned for the next hold."""
