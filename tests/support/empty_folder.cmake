# Leaves the folder FOLDER there, and nothing in it.
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
