using System.Globalization;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>A reference in C (Sdk.Native/bench): does one round whenever it is asked.</summary>
internal sealed class ReferenceTool : IDisposable
{
    private readonly Conversation _tool;

    private ReferenceTool(Conversation tool, string properties)
    {
        _tool = tool;
        Properties = properties;
    }

    /// <summary>What it said about itself.</summary>
    public string Properties { get; }

    public static async Task<ReferenceTool> StartAsync(params IEnumerable<string> arguments)
    {
        var tool = new Conversation($"nixl-bench {arguments.First()}", Find(), arguments);
        try
        {
            return new ReferenceTool(tool, await tool.HearAsync("ready"));
        }
        catch
        {
            tool.Dispose();
            throw;
        }
    }

    /// <summary>Seconds of one round.</summary>
    public async Task<double> RoundAsync() => long.Parse(await _tool.AskAsync("round", "ns"), CultureInfo.InvariantCulture) / 1e9;

    public void Dispose() => _tool.Dispose();

    /// <summary>Built by CMake beside the native core.</summary>
    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var path = Path.Combine(folder.FullName, "Sdk.Native", "build", "release", "bench", "nixl-bench");
            if (File.Exists(path))
                return path;
        }

        throw new FileNotFoundException("The references are not built: run ./bench.sh, or cmake --build --preset release in Sdk.Native.");
    }
}
