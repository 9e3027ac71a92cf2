using System.Security.Cryptography;
using System.Text;

namespace Abi.Llm.Downloads;

/// <summary>The folder that models are kept in, one folder a repository and revision, or a folder of a host.</summary>
public static class ModelCache
{
    /// <summary>The folder: <c>ABI_CACHE</c>, or <c>abi/models</c> in the user's cache folder (<c>XDG_CACHE_HOME</c>, <c>~/.cache</c>, or local application data on Windows).</summary>
    public static string Directory
    {
        get
        {
            if (Environment.GetEnvironmentVariable("ABI_CACHE") is { Length: > 0 } configured)
            {
                return configured;
            }

            var home = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(home, "abi", "models");
        }
    }

    /// <summary>The folder that a reference's files are kept in.</summary>
    /// <param name="reference">The model.</param>
    /// <param name="directory">The cache; <see cref="Directory"/> when null.</param>
    public static string DirectoryOf(ModelReference reference, string? directory = null)
    {
        ArgumentNullException.ThrowIfNull(reference);
        directory ??= Directory;
        if (reference.Url is { } url)
        {
            // files of one name lie at several addresses of a host
            var address = SHA256.HashData(Encoding.UTF8.GetBytes(HttpSource.Describe(new Uri(url, "."))));
            return Path.Combine(directory, url.IdnHost.Replace(':', '-'), Convert.ToHexStringLower(address)[..16]);
        }

        var folder = Path.Combine([directory, .. reference.Repository!.Split('/')]);
        return reference.Revision == "main" ? folder : $"{folder}@{Uri.EscapeDataString(reference.Revision)}";
    }

    /// <summary>The file of a model that was downloaded before; of a split model, the first part. Null when it was not.</summary>
    /// <param name="reference">The model.</param>
    /// <param name="directory">The cache; <see cref="Directory"/> when null.</param>
    public static string? Find(ModelReference reference, string? directory = null)
    {
        var folder = DirectoryOf(reference, directory);
        if (!System.IO.Directory.Exists(folder))
        {
            return null;
        }

        if (reference.Url is { } url)
        {
            var path = Path.Combine(folder, ModelReference.FileNameOf(url));
            return File.Exists(path) ? path : null;
        }

        string[] names = [.. System.IO.Directory.EnumerateFiles(folder, "*.gguf").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        return ModelFiles.TryChoose(names, reference.Type) is { } files ? Path.Combine(folder, files[0]) : null;
    }
}
