Console.Error.WriteLine("usage: abi COMMAND");
return 2;
