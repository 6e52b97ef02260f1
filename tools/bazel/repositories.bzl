"""The repositories that the build needs, all of them on this machine."""

def local_repositories():
    """Declares googletest and what an offline Bazel lacks."""

    # Debian's libgtest-dev ships the sources, so that they cross-compile too.
    native.new_local_repository(
        name = "googletest",
        path = "/usr/src/googletest",
        build_file = "@bifsmn_tf//tools/bazel:googletest.BUILD",
    )

    # Bazel 4, which is what Debian has (it reports no version), would download
    # these three before it builds anything; later ones bring them along.
    if not native.bazel_version or native.bazel_version.startswith("4."):
        for name in ["rules_cc", "rules_java", "remote_coverage_tools"]:
            native.local_repository(
                name = name,
                path = "tools/bazel/" + name,
            )
