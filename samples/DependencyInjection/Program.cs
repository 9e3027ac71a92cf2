// A host with a model in it: options from configuration and variables, the model injected, health, and an end in order.
using Abi;
using Abi.Llm;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);
builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
{
    // What appsettings.json would hold. A variable such as ABI_LLM_MAXIMUM_TOKENS=80 goes before it.
    ["Abi:Llm:Model"] = "stories",
    ["Abi:Llm:MaximumTokens"] = "40",
    ["Abi:Llm:Sampling:Temperature"] = "0.6",
    ["Abi:Llm:Sampling:Seed"] = "3",
});
builder.Services.AddAbi(abi => abi.AddLlm());
builder.Services.AddSingleton<StoryTeller>();
using var host = builder.Build();
await host.StartAsync();

var abi = host.Services.GetRequiredService<AbiFramework>();
foreach (var (feature, health) in await abi.HealthAsync())
{
    Console.WriteLine($"{feature}: {health.Status}, {health.Description}");
}

var teller = host.Services.GetRequiredService<StoryTeller>();
foreach (var story in await Task.WhenAll(teller.TellAsync("The old bear"), teller.TellAsync("A tiny bird"), teller.TellAsync("Mia and her brother")))
{
    Console.WriteLine(story);
}

await host.StopAsync();
Console.WriteLine(abi.State);

/// <summary>A service of the program. LanguageModel could be injected as well; the feature brings the defaults of the configuration.</summary>
internal sealed class StoryTeller(LlmFeature llm)
{
    public async Task<string> TellAsync(string beginning) => beginning + (await llm.CompleteAsync(beginning)).Text.ReplaceLineEndings(" ");
}
