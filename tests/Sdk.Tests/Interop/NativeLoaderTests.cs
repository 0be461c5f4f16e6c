using Nixl.Sdk.Interop;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Interop;

/// <summary>A missing or wrong library is one clear error. A library is loaded once per process, so each case has its own.</summary>
public class NativeLoaderTests
{
    [Fact]
    public void An_explicit_path_is_the_only_candidate()
    {
        Assert.Equal(["/x/y.so"], NativeLoader.Candidates("/x/y.so", "/base"));
        Assert.Equal(
            ["/base/libnixlsdk.so", "/base/runtimes/linux-x64/native/libnixlsdk.so"], NativeLoader.Candidates(null, "/base"));
    }

    [Fact]
    public void Another_platform_is_refused_by_name_and_with_what_works_there()
    {
        NativeLoader.ThrowIfUnsupported(supported: true, "linux-x64");
        var error = Assert.Throws<PlatformNotSupportedException>(() => NativeLoader.ThrowIfUnsupported(supported: false, "osx-arm64"));
        Assert.Contains("osx-arm64", error.Message, StringComparison.Ordinal);
        Assert.Contains("FakeTransport", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Loading_is_idempotent_and_tells_the_path()
    {
        NativeLoader.EnsureLoaded();
        NativeLoader.EnsureLoaded();
        Assert.True(File.Exists(NativeLoader.Path), NativeLoader.Path);
    }

    [Theory]
    [InlineData("/nowhere/libnixlsdk.so", "/nowhere/libnixlsdk.so: no such file", "cmake --preset release", "NIXL_SDK_NATIVE")]
    [InlineData("/etc/hostname", "/etc/hostname: ", "NIXL_SDK_NATIVE")]
    [InlineData("/lib/x86_64-linux-gnu/libm.so.6", "does not export nixl_abi_version")]
    public async Task A_missing_or_foreign_library_is_named(string path, params string[] texts)
    {
        await using var child = ChildProcess.StartWith((NativeLoader.EnvironmentVariable, path), "notifications", "Loopback", "1");
        var errors = await child.ErrorsAsync();
        Assert.Contains(nameof(NativeLibraryException), errors, StringComparison.Ordinal);
        Assert.All(texts, t => Assert.Contains(t, errors, StringComparison.Ordinal));
    }
}
