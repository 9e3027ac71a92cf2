// Writes a story: the model comes with the package Abi.Models.Stories. Give it the beginning: dotnet run -c Release --project samples/QuickStart -- "The little dragon"
using Abi;

await using var abi = await AbiBuilder.Create().AddLlm(llm => (llm.Model, llm.MaximumTokens) = ("stories", 300)).BuildAsync();
var beginning = args.Length > 0 ? string.Join(' ', args) : "Once upon a time";
Console.Write(beginning);
await foreach (var piece in abi.Llm.GenerateAsync(beginning))
{
    Console.Write(piece.Text);
}

Console.WriteLine();
