using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Tests.Interop;

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
    public void Loading_is_idempotent_and_tells_the_path()
    {
        NativeLoader.EnsureLoaded();
        NativeLoader.EnsureLoaded();
        Assert.True(File.Exists(NativeLoader.Path), NativeLoader.Path);
    }
}
