using Microsoft.Extensions.Configuration;

namespace Abi;

/// <summary>The configuration given to <see cref="AbiBuilder.UseConfiguration"/>.</summary>
internal sealed record ConfigurationChoice(IConfiguration Configuration);
