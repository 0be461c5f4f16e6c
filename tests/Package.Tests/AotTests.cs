using Nixl.Sdk.Package.Tests.Support;

namespace Nixl.Sdk.Package.Tests;

/// <summary>The program tests/Aot, compiled ahead of time without a warning, does what it does.</summary>
[Collection(PackedSdkGroup.Name)]
public sealed class AotTests(PackedSdk sdk)
{
    [Fact]
    public async Task A_native_program_moves_blocks_of_several_layouts_over_loopback_and_local()
    {
        var output = Path.Combine(sdk.Artifacts, "native");
        await Command.RunAsync(
            Repository.Root, "dotnet", ["publish", "tests/Aot/Aot.csproj", "-r", "linux-x64", "-o", output, .. sdk.BuildArguments]);
        Assert.False(File.Exists(Path.Combine(output, "Aot.dll")), "that is not a native program");
        var said = await Command.RunAsync(output, Path.Combine(output, "Aot"), []);
        Assert.Matches(@"(?m)^aot: [1-9]\d* bytes moved, every byte as expected$", said);
    }
}
