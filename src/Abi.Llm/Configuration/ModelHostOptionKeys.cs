using Abi.Llm.Hosting;
using Microsoft.Extensions.Configuration;
using static Abi.Llm.Configuration.OptionValue;

namespace Abi.Llm.Configuration;

/// <summary>The keys of the section <c>Abi:ModelHost</c>: how each is read, and what it must be.</summary>
internal static class ModelHostOptionKeys
{
    private const string ModelsKey = nameof(ModelHostOptions.Models);

    internal static IReadOnlyDictionary<string, Action<IConfigurationSection, ModelHostOptions>> Keys { get; } = new Dictionary<string, Action<IConfigurationSection, ModelHostOptions>>(StringComparer.OrdinalIgnoreCase)
    {
        [ModelsKey] = static (section, options) => Each(section, model => Model(model, options)),
        [nameof(ModelHostOptions.Aliases)] = static (section, options) => Each(section, alias => options.Aliases[alias.Key] = Text(alias)),
        [nameof(ModelHostOptions.Routes)] = static (section, options) => Each(section, route => options.Routes.Add(Route(route))),
        [nameof(ModelHostOptions.Default)] = static (section, options) => options.Default = Text(section),
        [nameof(ModelHostOptions.MemoryBudget)] = static (section, options) => options.MemoryBudget = ByteCount(section),
        [nameof(ModelHostOptions.MaximumLoaded)] = static (section, options) => options.MaximumLoaded = Number<int>(section),
        [nameof(ModelHostOptions.KeepAlive)] = static (section, options) => options.KeepAlive = Duration(section),
        [nameof(ModelHostOptions.MemoryTimeout)] = static (section, options) => options.MemoryTimeout = Duration(section),
    };

    /// <summary>The keys of a model besides those of <see cref="LlmOptionKeys"/>.</summary>
    internal static IReadOnlyDictionary<string, Action<IConfigurationSection, HostedModelOptions>> ModelKeys { get; } = new Dictionary<string, Action<IConfigurationSection, HostedModelOptions>>(StringComparer.OrdinalIgnoreCase)
    {
        [nameof(HostedModelOptions.IsPinned)] = static (section, options) => options.IsPinned = Flag(section),
        [nameof(HostedModelOptions.MaximumRequests)] = static (section, options) => options.MaximumRequests = Number<int>(section),
        [nameof(HostedModelOptions.MaximumWaiting)] = static (section, options) => options.MaximumWaiting = Number<int>(section),
    };

    /// <summary>Sets the options that the section gives.</summary>
    /// <exception cref="InvalidOperationException">A key is unknown or a value cannot be read; the message names the key.</exception>
    internal static void Bind(IConfigurationSection section, ModelHostOptions options)
    {
        foreach (var child in section.GetChildren())
        {
            if (!Keys.TryGetValue(child.Key, out var read))
            {
                throw Unknown(child, Keys.Keys);
            }

            read(child, options);
        }
    }

    /// <summary>Records what is wrong, by key.</summary>
    internal static void Check(ModelHostOptions options, OptionsCheck check)
    {
        foreach (var (key, found, expected) in FindProblems(options))
        {
            check.Require(false, key, found, expected);
        }

        foreach (var (name, model) in options.Models)
        {
            LlmOptionKeys.Check(model.Llm, check, $"{ModelsKey}:{name}:");
        }
    }

    /// <summary>What is wrong with a host's own options.</summary>
    internal static IEnumerable<(string Key, object? Found, string Expected)> FindProblems(ModelHostOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var names = options.Models.Count == 0 ? "there is none" : string.Join(", ", options.Models.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, model) in options.Models)
        {
            foreach (var problem in FindProblems(name, model))
            {
                yield return problem;
            }
        }

        foreach (var (alias, target) in options.Aliases)
        {
            if (options.Models.ContainsKey(alias))
            {
                yield return ($"{nameof(options.Aliases)}:{alias}", target, "an alias that is not the name of a model");
            }
            else if (!Leads(alias))
            {
                yield return ($"{nameof(options.Aliases)}:{alias}", target, $"the name of a model ({names}) or of an alias that leads to one");
            }
        }

        for (var i = 0; i < options.Routes.Count; i++)
        {
            if (options.Routes[i]?.Target is { } target && !Leads(target))
            {
                yield return ($"{nameof(options.Routes)}:{i}:{nameof(ModelRoute.Target)}", target, $"the name of a model ({names}) or of an alias that leads to one");
            }
        }

        if (options.Default is { } first && !Leads(first))
        {
            yield return (nameof(options.Default), first, $"the name of a model ({names}) or of an alias that leads to one");
        }

        if (options.MemoryBudget < 1)
        {
            yield return (nameof(options.MemoryBudget), options.MemoryBudget, "1 byte or more");
        }

        if (options.MaximumLoaded < 1)
        {
            yield return (nameof(options.MaximumLoaded), options.MaximumLoaded, "1 or more");
        }

        if (options.KeepAlive < TimeSpan.Zero || options.KeepAlive > TimeSpan.FromDays(49))
        {
            yield return (nameof(options.KeepAlive), options.KeepAlive, "a time from 0 to 49 days");
        }

        if (options.MemoryTimeout < TimeSpan.Zero || options.MemoryTimeout > TimeSpan.FromDays(49))
        {
            yield return (nameof(options.MemoryTimeout), options.MemoryTimeout, "a time from 0 to 49 days");
        }

        bool Leads(string name)
        {
            for (var hops = 0; hops <= options.Aliases.Count; hops++)
            {
                if (options.Models.ContainsKey(name))
                {
                    return true;
                }

                if (!options.Aliases.TryGetValue(name, out name!))
                {
                    return false;
                }
            }

            return false;
        }
    }

    /// <summary>What is wrong with a model's own options.</summary>
    internal static IEnumerable<(string Key, object? Found, string Expected)> FindProblems(string name, HostedModelOptions model)
    {
        if (string.IsNullOrWhiteSpace(model?.Llm?.Model))
        {
            yield return ($"{ModelsKey}:{name}:{nameof(LlmOptions.Model)}", null, "the path of a GGUF file, or the name of a model,");
            yield break;
        }

        if (model.MaximumRequests < 1)
        {
            yield return ($"{ModelsKey}:{name}:{nameof(model.MaximumRequests)}", model.MaximumRequests, "1 or more");
        }

        if (model.MaximumWaiting < 0)
        {
            yield return ($"{ModelsKey}:{name}:{nameof(model.MaximumWaiting)}", model.MaximumWaiting, "0 or more");
        }
    }

    private static void Model(IConfigurationSection section, ModelHostOptions options)
    {
        if (!options.Models.TryGetValue(section.Key, out var model))
        {
            options.Models.Add(section.Key, model = new HostedModelOptions());
        }

        foreach (var child in section.GetChildren())
        {
            if (ModelKeys.TryGetValue(child.Key, out var read))
            {
                read(child, model);
            }
            else
            {
                LlmOptionKeys.BindKey(child, model.Llm, ModelKeys.Keys);
            }
        }
    }

    private static ModelRoute Route(IConfigurationSection section)
    {
        foreach (var child in section.GetChildren())
        {
            if (!child.Key.Equals("Pattern", StringComparison.OrdinalIgnoreCase) && !child.Key.Equals("Target", StringComparison.OrdinalIgnoreCase))
            {
                throw Unknown(child, ["Pattern", "Target"]);
            }
        }

        return new ModelRoute(Required("Pattern"), Required("Target"));

        string Required(string key) => section[key] is { Length: > 0 } value ? value : throw new InvalidOperationException($"'{section.Path}:{key}' is not set: a route has a Pattern and a Target.");
    }

    private static void Each(IConfigurationSection section, Action<IConfigurationSection> read)
    {
        foreach (var child in Elements(section))
        {
            read(child);
        }
    }
}
